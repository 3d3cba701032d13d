const KEY = "collections.export";

/**
 * Which export somebody asked for last in this browser, so that it is found again after a reload: the API tells of a job
 * by its id, and asking for an export anew gives the same one only while that is being packed.
 */
export function rememberExport(userId: string, jobId: string): void {
  localStorage.setItem(KEY, `${userId} ${jobId}`);
}

/** Null: none, or somebody else's. */
export function rememberedExport(userId: string): string | null {
  const [whose, jobId] = localStorage.getItem(KEY)?.split(" ") ?? [];
  return whose === userId ? (jobId ?? null) : null;
}

export function forgetExport(): void {
  localStorage.removeItem(KEY);
}
