/** A highlighted text as the API sends it (`[[…]]` around matched words), in pieces: marked ones and others. */
interface Piece {
  text: string;
  isMarked: boolean;
}

const MARK = /\[\[(.*?)\]\]/gs;

export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(MARK)) {
    if (match.index > end) found.push({ text: text.slice(end, match.index), isMarked: false });
    found.push({ text: match[1] ?? "", isMarked: true });
    end = match.index + match[0].length;
  }
  if (end < text.length) found.push({ text: text.slice(end), isMarked: false });
  return found;
}

export const plain = (text: string): string => text.replace(MARK, "$1");
export const hasMark = (text: string): boolean => /\[\[.*?\]\]/s.test(text);
