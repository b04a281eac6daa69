import fc from 'fast-check'
import { resolve, sep } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isModelName } from './model-name.ts'

describe('a model name', () => {
  it.each(['fraud', 'Fraud-2_x', 'a.b', 'modèle', 'two words', 'x'.repeat(255)])('may be %j', (name) => {
    expect(isModelName(name)).toBe(true)
  })

  it.each(['', '.', '..', '.hidden', 'a/b', 'a\\b', '/a', 'a\0', 'a\n', '\u007f', 'C:', '%2e%2e', 'a*', '<a>'])(
    'may not be %j',
    (name) => {
      expect(isModelName(name)).toBe(false)
    },
  )

  it('is bounded in bytes, not in characters', () => {
    expect(isModelName('x'.repeat(256))).toBe(false)
    expect(isModelName('é'.repeat(128))).toBe(false)
    expect(isModelName('é'.repeat(127))).toBe(true)
  })

  it('never leads out of its folder', () => {
    const parts = fc.constantFrom('.', '..', '/', '\\', 'a', '%2f', '\0', ' ')
    fc.assert(
      fc.property(fc.array(parts, { minLength: 1, maxLength: 6 }), (path) => {
        const name = path.join('')
        if (isModelName(name)) expect(resolve('/models', name).split(sep)).toHaveLength(3)
      }),
    )
  })
})
