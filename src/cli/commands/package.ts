import { statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { makeEnvironment, requirementsAdded } from '../../app/make-environment.ts'
import { packageRoot, packageVersion } from '../../app/package-info.ts'
import { freezeRequirements, PackagingError, readSpec, writeImage, writePackage } from '../../packaging/index.ts'
import { AppError } from '../../protocol/index.ts'
import { clientArgs, commonFlags } from '../client-options.ts'
import type { Command, Flag } from '../command.ts'
import { Refusal, UsageError } from '../command.ts'
import { downloadModel } from '../download-model.ts'
import { bytesText } from '../format.ts'
import { partsSaid } from '../parts-said.ts'

const flags: readonly Flag[] = [
  { name: 'output', value: 'DIR', doc: 'the folder of the package; an earlier package there is replaced' },
  {
    name: 'oci',
    value: 'DIR|FILE.tar',
    doc: 'also makes an image that holds the package, the server, Node, and Python where it is needed',
  },
  { name: 'with-wheels', doc: 'puts wheels of the Python requirements into the package' },
  { name: 'source-builds', doc: 'builds requirements that have no wheel, which runs code of theirs' },
  {
    name: 'python',
    value: 'PATH',
    doc: 'the interpreter for which requirements are frozen, and that goes into an image',
    default: 'python3',
  },
  ...commonFlags,
]

/** Makes a package of a model by its model.yaml. */
export const packageModel: Command = {
  usage: '[DIR|model.yaml] --output DIR',
  flags,
  examples: [
    'slipway package ./churn --output ./churn-package',
    'slipway package model.yaml --output ./out --oci churn.tar',
    'slipway up --package ./churn-package',
  ],
  async run(context) {
    const args = clientArgs(context, flags)
    const output = args.text('output')
    if (output === undefined) throw new UsageError('--output is missing')
    const [given = '.', other] = args.positionals
    if (other !== undefined) throw new UsageError(`unexpected '${other}'`)
    const file = specFile(resolve(context.directory, given))
    const python = args.text('python') ?? 'python3'
    const { environment } = context
    const at = (path: string): string => resolve(context.directory, path)
    const sourceBuilds = args.isSet('source-builds')
    const say = (text: string): void => {
      if (!args.json) context.err(`${text}\n`)
    }
    try {
      const spec = readSpec(file)
      const written = await writePackage({
        spec,
        directory: dirname(file),
        output: at(output),
        fetchModel: (reference, folder) => downloadModel(args.client, reference, folder),
        leftOut: (path) => say(`${path} is hidden and stays behind`),
        freeze: (order) =>
          freezeRequirements(order, {
            python,
            environment,
            withWheels: args.isSet('with-wheels'),
            sourceBuilds,
            added: (folder, lines) => requirementsAdded(spec.name, folder, lines),
          }),
      })
      const { name, version, files } = written.manifest
      const bytes = files.reduce((sum, each) => sum + each.bytes, 0)
      const oci = args.text('oci')
      const server = { root: packageRoot, version: packageVersion }
      const install = (folder: string, root: string): Promise<string> =>
        makeEnvironment({
          model: name,
          folder,
          root,
          python,
          environment,
          sourceBuilds,
          compiled: false,
          progress: partsSaid(say),
        })
      if (oci !== undefined && context.terminal) say('writing the image…')
      const image =
        oci === undefined
          ? undefined
          : await writeImage({
              spec,
              package: at(output),
              written,
              output: at(oci),
              server,
              python: { python, environment, install, say },
            })
      context.out(
        args.json
          ? `${JSON.stringify({ name, version, digest: written.digest, files: files.length, bytes, image })}\n`
          : `${name} version ${version}: ${files.length} files, ${bytesText(bytes)}, ${written.digest}\n${image === undefined ? '' : `image ${image} in ${oci ?? ''}\n`}`,
      )
      return 0
    } catch (error) {
      if (error instanceof PackagingError || error instanceof AppError)
        throw new Refusal(error.message, 'package_invalid')
      throw error
    }
  },
}

const specFile = (path: string): string => {
  const facts = statSync(path, { throwIfNoEntry: false })
  if (facts === undefined) throw new Refusal(`there is no '${path}'`)
  if (!facts.isDirectory()) return path
  const file = join(path, 'model.yaml')
  if (statSync(file, { throwIfNoEntry: false }) !== undefined) return file
  throw new Refusal(
    `'${path}' has no model.yaml, the file that says what to package; a short one is\n  model: model.onnx\n  name: churn`,
  )
}
