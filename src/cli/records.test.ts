import { describe, expect, test } from 'vitest'
import { readRecords } from './records.ts'

const csv = (text: string): ReturnType<typeof readRecords> => readRecords(new TextEncoder().encode(text), 'csv')

describe('rows of a CSV', () => {
  test('an empty cell between numbers is a missing number', async () => {
    expect(await csv('a,b\n1,\n,2.5\n')).toEqual([
      { a: 1, b: null },
      { a: null, b: 2.5 },
    ])
  })

  test('an empty cell among texts is an empty text, as is a column of nothing else', async () => {
    expect(await csv('a,b\nx,\n,\n3,\n')).toEqual([
      { a: 'x', b: '' },
      { a: '', b: '' },
      { a: 3, b: '' },
    ])
  })
})
