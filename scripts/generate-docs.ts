import { mkdirSync, writeFileSync } from 'node:fs'
import { references } from './references.ts'

mkdirSync('docs/reference', { recursive: true })
for (const [name, text] of Object.entries(await references())) writeFileSync(`docs/reference/${name}`, text)
