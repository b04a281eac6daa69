import { readFile } from 'node:fs/promises'
import { whyUnreadable } from '../lib/index.ts'
import type { Action, Shown } from './action-command.ts'
import { Refusal } from './command.ts'
import { table } from './table.ts'

export const reasonOf = (reason: string | undefined): { reason?: string } => (reason === undefined ? {} : { reason })

const decided =
  (decision: 'approve' | 'reject'): Action['run'] =>
  async ({ api, text, words: [name = '', version = ''] }): Promise<Shown> => {
    const value = await api.promotion[decision]({ name, version, ...reasonOf(text('reason')) })
    return { value, text: `${value.person} ${value.decision} ${name} version ${version}\n` }
  }

/** What `slipway models` does about who may be promoted, and what was. */
export const promotionActions: readonly Action[] = [
  {
    form: 'policy NAME [FILE]',
    doc: 'the promotion policy of a model; with a file of YAML or JSON it is set',
    async run({ api, text, words: [name = '', file] }) {
      if (file === undefined) {
        const { policy } = await api.promotion.policy({ name })
        return {
          value: policy ?? null,
          text: policy === undefined ? 'no policy\n' : `${JSON.stringify(policy.document, undefined, 2)}\n`,
        }
      }
      const policy = await readFile(file, 'utf8').catch((error: unknown) => {
        throw new Refusal(`'${file}' can't be read: ${whyUnreadable(error)}`)
      })
      const value = await api.promotion.setPolicy({ name, policy, ...reasonOf(text('reason')) })
      return { value, text: `the policy of ${name} is set\n` }
    },
  },
  {
    form: 'unpolicy NAME',
    doc: 'delete the promotion policy of a model',
    async run({ api, text, words: [name = ''] }) {
      await api.promotion.deletePolicy({ name, ...reasonOf(text('reason')) })
      return { value: { deleted: name }, text: `the policy of ${name} is deleted\n` }
    },
  },
  {
    form: 'check NAME VERSION ALIAS',
    doc: 'what the policy says of a move, without moving',
    async run({ api, words: [name = '', version = '', alias = ''] }) {
      const value = await api.promotion.check({ name, version, alias })
      const lines = value.results.map(({ passed, reason }) => `  ${passed ? 'ok' : 'no'}  ${reason}`)
      return { value, text: `${[value.allowed ? 'allowed' : 'refused', ...lines].join('\n')}\n` }
    },
  },
  { form: 'approve NAME VERSION', doc: 'approve a version', run: decided('approve') },
  { form: 'reject NAME VERSION', doc: 'reject a version', run: decided('reject') },
  {
    form: 'withdraw NAME VERSION',
    doc: 'take back what you decided on a version',
    async run({ api, text, words: [name = '', version = ''] }) {
      await api.promotion.withdraw({ name, version, ...reasonOf(text('reason')) })
      return { value: { withdrawn: version }, text: `your decision on ${name} version ${version} is withdrawn\n` }
    },
  },
  {
    form: 'verify NAME VERSION',
    doc: "read a version's files again and compare them with what was registered",
    async run({ api, words: [name = '', version = ''] }) {
      const value = await api.modelVersions.verify({ name, version })
      if (!value.intact) {
        const files = value.problems.map(({ path, problem }) => `${path} is ${problem}`).join('; ')
        throw new Refusal(`${name} version ${version} is not what was registered: ${files}`, 'digest_mismatch')
      }
      return { value, text: `${name} version ${version} is intact: ${value.files} files, ${value.bytes} bytes\n` }
    },
  },
  {
    form: 'lineage NAME VERSION',
    doc: 'what a version came of, and what uses it',
    async run({ api, words: [name = '', version = ''] }) {
      const value = await api.lineage.graph({ kind: 'version', id: `${name}/${version}` })
      const rows = value.edges.map(({ from, kind, to }) => [from, kind, to])
      return { value, text: table(['from', 'how', 'to'], rows) }
    },
  },
]
