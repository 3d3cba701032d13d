import { crc32, deflateSync } from "node:zlib";

/** A picture for a file input: a PNG of one colour, another one for each number. */
export function tinyPicture(number: number): { name: string; mimeType: string; buffer: Buffer } {
  const side = 8;
  const row = [0, ...Array.from({ length: side }, () => [number & 255, (number >> 8) & 255, 120]).flat()];
  const pixels = Buffer.from(Array.from({ length: side }, () => row).flat());
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const parts = [chunk("IHDR", header), chunk("IDAT", deflateSync(pixels)), chunk("IEND", Buffer.alloc(0))];
  return { name: `tiny-${number}.png`, mimeType: "image/png", buffer: Buffer.concat([signature, ...parts]) };
}

function chunk(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
