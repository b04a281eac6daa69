import { describe, expect, it } from 'vitest'
import { wantedVersions } from './version-policy.ts'

describe('the versions to serve', () => {
  it('are the newest by number, not by text', () => {
    expect(wantedVersions([9, 10, 2], { kind: 'latest', numVersions: 1 })).toEqual([10])
    expect(wantedVersions([9, 10, 2], { kind: 'latest', numVersions: 2 })).toEqual([9, 10])
    expect(wantedVersions([9, 10, 2], { kind: 'latest', numVersions: 5 })).toEqual([2, 9, 10])
  })

  it('are all, each once', () => {
    expect(wantedVersions([3, 1, 3, 2], { kind: 'all' })).toEqual([1, 2, 3])
  })

  it('are the named ones, of those that exist', () => {
    expect(wantedVersions([1, 2, 3], { kind: 'specific', versions: [3, 1, 7] })).toEqual([1, 3])
  })

  it('are none where there are none', () => {
    expect(wantedVersions([], { kind: 'latest', numVersions: 1 })).toEqual([])
  })
})
