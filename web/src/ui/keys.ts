/** Whether a key is a page's to act on: nobody has taken it, it is typed into no field, and no browser has it. */
export function isForPage(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return false;
  return !(event.target as HTMLElement).closest("input, textarea, select, dialog");
}
