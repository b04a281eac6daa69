import { setTimeout } from 'node:timers/promises'

/** Resolves after so many milliseconds; the process stays alive meanwhile. */
export const wait = (delayMs: number): Promise<void> => setTimeout(delayMs)
