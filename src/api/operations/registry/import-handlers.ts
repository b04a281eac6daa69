import type { Handlers } from './handler.ts'

export const importHandlers: Handlers<'import'> = {
  'import.experiments': async ({ items }, { registry, actor }) => ({
    items: await registry.imports.experiments(items, actor),
  }),
  'import.runs': async ({ items }, { registry, actor }) => ({ items: await registry.imports.runs(items, actor) }),
  'import.metrics': async ({ items }, { registry }) => ({ items: await registry.imports.metrics(items) }),
  'import.loggedModels': async ({ items }, { registry, actor }) => ({
    items: await registry.imports.loggedModels(items, actor),
  }),
  'import.registeredModels': async ({ items }, { registry, actor }) => ({
    items: await registry.imports.registeredModels(items, actor),
  }),
  'import.versions': async ({ items }, { registry, actor }) => ({
    items: await registry.imports.versions(items, actor),
  }),
  'import.aliases': async ({ items }, { registry, actor }) => ({ items: await registry.imports.aliases(items, actor) }),
  'import.traces': async ({ items }, { registry }) => ({ items: await registry.imports.traces(items) }),
  'import.files': async ({ items }, { registry }) => ({ items: await registry.imports.files(items) }),
}
