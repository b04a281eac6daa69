/**
 * Frees the memory of bytes that nobody needs any more, where they are all of it. Left to the garbage collector, a stream
 * of large pieces makes it look through the whole heap every few dozen of them.
 */
export const freeBytes = ({ buffer, byteLength }: Uint8Array): void => {
  if (byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0)
}
