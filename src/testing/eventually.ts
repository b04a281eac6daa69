import { setTimeout as pause } from 'node:timers/promises'

/** Asks again every few milliseconds until the answer isn't undefined; fails after the limit with what was waited for. */
export const eventually = async <T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  limitMs = 20_000,
): Promise<T> => {
  const until = performance.now() + limitMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (performance.now() > until) throw new Error(`waited ${limitMs} ms in vain: ${what}`)
    await pause(10)
  }
}
