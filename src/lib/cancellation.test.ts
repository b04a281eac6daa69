import { describe, expect, it } from 'vitest'
import { Cancellation } from './cancellation.ts'

describe('a cancellation', () => {
  it('tells its listener once', () => {
    const cancellation = new Cancellation()
    let told = 0
    cancellation.onCancel(() => (told += 1))
    expect(cancellation.cancelled).toBe(false)
    cancellation.cancel()
    cancellation.cancel()
    expect([cancellation.cancelled, told]).toEqual([true, 1])
  })

  it('tells a listener that comes too late at once', () => {
    const cancellation = new Cancellation()
    cancellation.cancel()
    let told = false
    cancellation.onCancel(() => (told = true))
    expect(told).toBe(true)
  })

  it('tells only the last listener', () => {
    const cancellation = new Cancellation()
    const told: string[] = []
    cancellation.onCancel(() => told.push('first'))
    cancellation.onCancel(() => told.push('second'))
    cancellation.cancel()
    expect(told).toEqual(['second'])
  })

  it('needs no listener', () => {
    const cancellation = new Cancellation()
    cancellation.cancel()
    expect(cancellation.cancelled).toBe(true)
  })
})
