import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { whyUnreadable } from './why-unreadable.ts'

const reading = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    return whyUnreadable(error)
  }
}

describe('why a file can’t be read', () => {
  it('is told without codes of the system', () => {
    expect(reading(join(tmpdir(), 'no', 'such', 'file'))).toBe('there is no such file')
    expect(reading(tmpdir())).toBe('it is a folder')
    expect(whyUnreadable(new Error('too large'))).toBe('too large')
    expect(whyUnreadable('odd')).toBe('odd')
  })
})
