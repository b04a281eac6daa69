import type { Action } from './action-command.ts'
import { reasonOf } from './promotion-actions.ts'

const whatOf = (name: string, version: string | undefined): string =>
  version === undefined ? name : `${name} version ${version}`

/** What `slipway models` changes of what registered models and their versions say of themselves. */
export const modelChangeActions: readonly Action[] = [
  {
    form: 'describe NAME TEXT [VERSION]',
    doc: 'describe a registered model, or a version of it',
    async run({ api, words: [name = '', description = '', version] }) {
      const value = await (version === undefined
        ? api.registeredModels.describe({ name, description })
        : api.modelVersions.describe({ name, version, description }))
      return { value, text: `${whatOf(name, version)} is described\n` }
    },
  },
  {
    form: 'tag NAME KEY VALUE [VERSION]',
    doc: 'set a tag of a registered model, or of a version of it',
    async run({ api, words: [name = '', key = '', value = '', version] }) {
      if (version === undefined) await api.registeredModels.setTag({ name, key, value })
      else await api.modelVersions.setTag({ name, version, key, value })
      return { value: { key, value }, text: `${whatOf(name, version)} has ${key}=${value}\n` }
    },
  },
  {
    form: 'untag NAME KEY [VERSION]',
    doc: 'delete a tag of a registered model, or of a version of it',
    async run({ api, words: [name = '', key = '', version] }) {
      if (version === undefined) await api.registeredModels.deleteTag({ name, key })
      else await api.modelVersions.deleteTag({ name, version, key })
      return { value: { deleted: key }, text: `${whatOf(name, version)} has no ${key} any more\n` }
    },
  },
  {
    form: 'rename NAME NEW',
    doc: 'give a registered model another name; its versions, aliases and history go with it',
    async run({ api, text, words: [name = '', newName = ''] }) {
      const value = await api.registeredModels.rename({ name, newName, ...reasonOf(text('reason')) })
      return { value, text: `${name} is now ${value.name}\n` }
    },
  },
  {
    form: 'copy NAME VERSION TO',
    doc: 'register a version as the next one of another model, with its description and tags',
    async run({ api, text, words: [name = '', version = '', to = ''] }) {
      const value = await api.modelVersions.copy({ name, version, to, ...reasonOf(text('reason')) })
      return { value, text: `${name} version ${version} is ${to} version ${value.version}\n` }
    },
  },
]
