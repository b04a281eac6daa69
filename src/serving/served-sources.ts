import { fail } from '../protocol/index.ts'
import type { FoundModel, ModelSource } from './model-source.ts'
import { joinSources } from './model-source.ts'

/** Where the served models come from: model repositories, and other sources whose names hide those of repositories. */
export class ServedSources implements ModelSource {
  readonly #repositories: ModelSource
  readonly #added: ModelSource[] = []
  #all: ModelSource

  constructor(repositories: ModelSource) {
    this.#repositories = repositories
    this.#all = repositories
  }

  list(): Promise<FoundModel[]> {
    return this.#all.list()
  }

  find(name: string): Promise<FoundModel | undefined> {
    return this.#all.find(name)
  }

  add(source: ModelSource): void {
    this.#added.push(source)
    this.#all = joinSources([source, this.#all])
  }

  async isOfRepository(name: string): Promise<boolean> {
    return (await this.#repositories.find(name)) !== undefined
  }

  async requireOfRepository(name: string): Promise<void> {
    if ((await joinSources(this.#added).find(name)) === undefined) return
    throw fail('conflict', {
      reason: `'${name}' is an endpoint; what it serves changes with the model that it follows`,
    })
  }
}
