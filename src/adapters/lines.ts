/** A file, or a stream, line by line: bounded memory whatever is in it. */

/** Longer than any sample by far; what a longer line says is not kept. */
const MAX_LINE = 64 * 1024;
const LF = 0x0a;

/** The lines of a chunk, with their numbers from 1; `text` null: longer than 64 KiB. Without the line break. */
export type Lines = { line: number; text: string | null }[];

/** Throws what the stream throws. */
export async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Lines> {
  let line = 1;
  let pieces: Buffer[] = [];
  let length = 0;
  const finish = (): Lines[number] => {
    // Decoded as a whole: a character may lie across two chunks.
    const text = length > MAX_LINE ? null : Buffer.concat(pieces).toString('utf8');
    pieces = [];
    length = 0;
    line += 1;
    return { line: line - 1, text };
  };
  const keep = (piece: Buffer) => {
    length += piece.length;
    if (length <= MAX_LINE) pieces.push(piece);
    else pieces = [];
  };
  for await (const chunk of stream) {
    const lines: Lines = [];
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      keep(chunk.subarray(start, end));
      lines.push(finish());
      start = end + 1;
    }
    if (start < chunk.length) keep(chunk.subarray(start));
    if (lines.length > 0) yield lines;
  }
  if (length > 0) yield [finish()];
}
