import { pieces } from "./marked";

export function Marked({ text }: { text: string }) {
  return (
    <>
      {pieces(text).map(({ text: piece, isMarked }, place) =>
        isMarked ? <mark key={place}>{piece}</mark> : <span key={place}>{piece}</span>,
      )}
    </>
  );
}
