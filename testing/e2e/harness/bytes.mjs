// Bytes for scenarios that send files: noise, pictures, comparison. Only what Node and browsers both have.

/** Random bytes. */
export function noise(length) {
  const bytes = new Uint8Array(length);
  // The most that a browser gives at once.
  for (let from = 0; from < length; from += 65_536) crypto.getRandomValues(bytes.subarray(from, from + 65_536));
  return bytes;
}

export function sameBytes(one, other) {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** A picture of noise, as PNG. */
export async function png(width, height) {
  const head = new Uint8Array([...number(width), ...number(height), 8, 2, 0, 0, 0]);
  const rows = noise((1 + width * 3) * height);
  // Each row begins with its filter: none.
  for (let row = 0; row < height; row += 1) rows[row * (1 + width * 3)] = 0;
  const deflated = new Blob([rows]).stream().pipeThrough(new CompressionStream('deflate'));
  const pixels = new Uint8Array(await new Response(deflated).arrayBuffer());
  const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
  return new Uint8Array([...signature, ...chunk('IHDR', head), ...chunk('IDAT', pixels), ...chunk('IEND', [])]);
}

const number = (value) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

function chunk(type, data) {
  const body = [...new TextEncoder().encode(type), ...data];
  return [...number(data.length), ...body, ...number(crc32(body))];
}

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
