const bars = '▁▂▃▄▅▆▇█'
const widthMax = 60

/** A curve of one line: at most 60 values, evenly picked; what is not finite leaves a gap. */
export const sparkline = (values: readonly number[]): string => {
  const stride = Math.max(1, values.length / widthMax)
  const picked = Array.from(
    { length: Math.min(values.length, widthMax) },
    (_, index) => values[Math.floor(index * stride)] ?? NaN,
  )
  const finite = picked.filter(Number.isFinite)
  const low = Math.min(...finite)
  const range = Math.max(...finite) - low
  const bar = (value: number): string => {
    if (!Number.isFinite(value)) return ' '
    return bars[range === 0 ? 3 : Math.round(((value - low) / range) * (bars.length - 1))] ?? ' '
  }
  return picked.map(bar).join('')
}
