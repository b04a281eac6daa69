import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fail } from './errors.ts'

describe('the message of an error', () => {
  it('shows names as they are when they are plain', () => {
    expect(fail('model_not_found', { model: 'größe-模型 🙂' }).message).toBe(
      "Request for unknown model: 'größe-模型 🙂' is not found",
    )
  })

  it('cuts names to a hundred characters, never through the middle of one', () => {
    expect(fail('model_not_found', { model: 'm'.repeat(100) }).message).toContain(`'${'m'.repeat(100)}'`)
    expect(fail('model_not_found', { model: 'm'.repeat(101) }).message).toContain(`'${'m'.repeat(100)}…'`)
    expect(fail('model_not_found', { model: `${'m'.repeat(99)}🙂` }).message).toContain(`'${'m'.repeat(99)}…'`)
  })

  it('keeps the details whole', () => {
    expect(fail('model_not_found', { model: 'm'.repeat(200) }).details['model']).toBe('m'.repeat(200))
  })

  it('cuts and escapes sentences too, but for their lines', () => {
    const { message } = fail('invalid_request', { reason: `one\n\ttwo \u202E\u0000${'x'.repeat(5000)}` })
    expect(message).toMatch(/^one\n\ttwo \\u202e\\u0000x+…$/)
    expect(message.length).toBeLessThan(4100)
  })

  it('never carries characters that deceive, and is short, whatever the names', () => {
    const name = fc.string({ unit: 'binary', maxLength: 300 })
    fc.assert(
      fc.property(name, name, (model, version) => {
        const { message } = fail('version_not_found', { model, version })
        expect(message).not.toMatch(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u)
        expect(message.isWellFormed()).toBe(true)
        expect(message.length).toBeLessThan(1300)
      }),
    )
  })
})
