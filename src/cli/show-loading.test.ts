import { expect, it } from 'vitest'
import type { ModelView } from '../api/index.ts'
import { loadTeller } from './show-loading.ts'

const model = (name: string, ...versions: readonly (readonly [string, string, string])[]): ModelView =>
  ({ name, versions: versions.map(([version, state, reason]) => ({ version, state, reason })) }) as unknown as ModelView

it('tells of each version that loads what it has not told yet', () => {
  const said: string[] = []
  const tell = loadTeller((text) => said.push(text))
  const installing = 'installing 2 packages: numpy, pandas'
  tell(model('iris', ['1', 'ready', ''], ['2', 'loading', '']))
  tell(model('iris', ['2', 'loading', installing]))
  tell(model('iris', ['2', 'loading', installing]))
  tell(model('iris', ['2', 'loading', `${installing}; downloading numpy`], ['3', 'loading', installing]))
  tell(model('other', ['2', 'loading', `${installing}; downloading numpy`]))
  tell(model('iris', ['2', 'loading', `${installing}; downloading pandas`], ['3', 'ready', '']))
  expect(said).toEqual([
    'iris version 2: loading\n',
    `iris version 2: ${installing}\n`,
    'iris version 2: downloading numpy\n',
    `iris version 3: ${installing}\n`,
    `other version 2: ${installing}; downloading numpy\n`,
    'iris version 2: downloading pandas\n',
  ])
})
