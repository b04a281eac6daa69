import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { references } from './references.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const pages = ['.', 'docs', 'docs/adr', 'docs/guides', 'docs/operations', 'docs/reference', 'bench/results'].flatMap(
  (folder) =>
    existsSync(join(root, folder))
      ? readdirSync(join(root, folder))
          .filter((name) => name.endsWith('.md'))
          .map((name) => join(folder, name))
      : [],
)

describe('the documentation', () => {
  it("has reference pages that are equal to the code's tables; npm run docs writes them", async () => {
    for (const [name, text] of Object.entries(await references())) {
      expect(readFileSync(join(root, 'docs/reference', name), 'utf8'), name).toBe(text)
    }
  })

  it('runs and reads only examples that are there', () => {
    const named = pages.flatMap((page) => {
      const text = readFileSync(join(root, page), 'utf8')
      return [...text.matchAll(/(?<=[\s`])examples\/[\w./-]*\w/g)].map(([path]) => ({ page, path }))
    })
    expect(named.length).toBeGreaterThan(5)
    for (const { page, path } of named) expect(existsSync(join(root, path)), `${page} names ${path}`).toBe(true)
  })

  it('links only to what exists', () => {
    for (const page of pages) {
      const text = readFileSync(join(root, page), 'utf8')
      for (const [, target = ''] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
        if (/^https?:/.test(target)) continue
        expect(existsSync(join(root, dirname(page), target)), `${page} links to ${target}`).toBe(true)
      }
    }
  })
})
