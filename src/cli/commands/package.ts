import { statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { packageRoot, packageVersion } from '../../app/package-info.ts'
import { freezeRequirements, PackagingError, readSpec, writeImage, writePackage } from '../../packaging/index.ts'
import { clientArgs, commonFlags } from '../client-options.ts'
import type { Command, Flag } from '../command.ts'
import { Refusal, UsageError } from '../command.ts'
import { downloadModel } from '../download-model.ts'
import { bytesText } from '../format.ts'

const flags: readonly Flag[] = [
  { name: 'output', value: 'DIR', doc: 'the folder of the package; an earlier package there is replaced' },
  { name: 'oci', value: 'DIR|FILE.tar', doc: 'also makes an image that holds the package, the server and Node' },
  { name: 'with-wheels', doc: 'puts wheels of the Python requirements into the package' },
  { name: 'source-builds', doc: 'builds requirements that have no wheel, which runs code of theirs' },
  { name: 'python', value: 'PATH', doc: 'the interpreter for which requirements are frozen', default: 'python3' },
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
    try {
      const spec = readSpec(file)
      const written = await writePackage({
        spec,
        directory: dirname(file),
        output: at(output),
        fetchModel: (reference, folder) => downloadModel(args.client, reference, folder),
        freeze: (order) =>
          freezeRequirements(order, {
            python,
            environment,
            withWheels: args.isSet('with-wheels'),
            sourceBuilds: args.isSet('source-builds'),
          }),
      })
      const { name, version, files } = written.manifest
      const bytes = files.reduce((sum, each) => sum + each.bytes, 0)
      const oci = args.text('oci')
      const server = { root: packageRoot, version: packageVersion }
      const image =
        oci === undefined
          ? undefined
          : await writeImage({ spec, package: at(output), written, output: at(oci), server })
      context.out(
        args.json
          ? `${JSON.stringify({ name, version, digest: written.digest, files: files.length, bytes, image })}\n`
          : `${name} version ${version}: ${files.length} files, ${bytesText(bytes)}, ${written.digest}\n${image === undefined ? '' : `image ${image} in ${oci ?? ''}\n`}`,
      )
      return 0
    } catch (error) {
      if (error instanceof PackagingError) throw new Refusal(error.message, 'package_invalid')
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
