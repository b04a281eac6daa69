import { readFileSync } from 'node:fs'

/**
 * Loaded before a server (`--import`), also in its threads: its time of day goes by the number of milliseconds in the
 * file that STEPPED_CLOCK names, as if somebody set the clock of the machine.
 */
const path = process.env['STEPPED_CLOCK'] ?? ''
const RealDate = Date
const lookEveryMs = 5

let lookedAtMs = -Infinity
let offsetMs = 0

const now = (): number => {
  if (performance.now() - lookedAtMs > lookEveryMs) {
    lookedAtMs = performance.now()
    offsetMs = Number(readFileSync(path, 'utf8'))
  }
  return RealDate.now() + offsetMs
}

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, self) => Reflect.construct(target, args.length === 0 ? [now()] : args, self) as Date,
  get: (target, key): unknown => (key === 'now' ? now : Reflect.get(target, key)),
})
