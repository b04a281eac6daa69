const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** `1536` → `1.5 KiB`. */
export const bytesText = (bytes: number): string => {
  let value = bytes
  let unit = 0
  for (; value >= 1024 && unit < byteUnits.length - 1; unit++) value /= 1024
  return `${unit === 0 ? value : value.toFixed(1)} ${byteUnits[unit] ?? ''}`
}

/** `0.42` → `420 µs`, `1234` → `1.23 s`. */
export const millisecondsText = (valueMs: number): string => {
  if (valueMs < 1) return `${Math.round(valueMs * 1000)} µs`
  if (valueMs < 1000) return `${valueMs.toFixed(valueMs < 10 ? 2 : 1)} ms`
  return `${(valueMs / 1000).toFixed(2)} s`
}
