import type { ArtifactIndex } from '../../dialects/mlflow/index.ts'

type Method = (...args: readonly never[]) => Promise<unknown>

/** The methods of the artifact index that cross to the thread. */
const artifactMethodNames = [
  'get',
  'requireOpen',
  'put',
  'list',
  'delete',
  'startUpload',
  'requireUpload',
  'finishUpload',
  'dropUpload',
  'runRoot',
  'versionRoot',
  'loggedModelRoot',
] as const satisfies readonly (keyof ArtifactIndex)[]

export const artifactMethods = (
  artifacts: ArtifactIndex,
): ReadonlyMap<string, (...args: readonly unknown[]) => Promise<unknown>> =>
  new Map(
    artifactMethodNames.map((name) => {
      const method = artifacts[name].bind(artifacts) as Method
      return [name, method as (...args: readonly unknown[]) => Promise<unknown>]
    }),
  )

/** An artifact index whose every method is asked of somebody else. */
export const artifactProxy = (ask: (method: string, args: readonly unknown[]) => Promise<unknown>): ArtifactIndex =>
  Object.fromEntries(
    artifactMethodNames.map((name) => [name, (...args: readonly unknown[]) => ask(name, args)]),
  ) as unknown as ArtifactIndex
