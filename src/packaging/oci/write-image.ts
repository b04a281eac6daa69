import { createWriteStream } from 'node:fs'
import { readdir, rename, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { gatherFolder } from '../gather-files.ts'
import type { ModelSpec } from '../model-spec.ts'
import { PackagingError } from '../packaging-error.ts'
import { inPartFolder } from '../part-folder.ts'
import type { WrittenPackage } from '../write-package.ts'
import { fileEntries } from './file-entries.ts'
import { imageArchitecture, imageConfig } from './image-config.ts'
import { imageLayers } from './image-layers.ts'
import type { ImagePython, LayerOrder } from './image-layers.ts'
import { OciBlobs } from './oci-blobs.ts'
import type { Descriptor, Layer } from './oci-blobs.ts'
import { tar } from './tar.ts'

export interface ImageOrder {
  readonly spec: ModelSpec
  /** Folder of the package. */
  readonly package: string
  readonly written: WrittenPackage
  /** A folder for the layout, or a file ending in .tar for an archive of it. */
  readonly output: string
  /** The server that goes into the image. */
  readonly server: { readonly root: string; readonly version: string }
  /** Goes into an image whose package needs Python. */
  readonly python: ImagePython
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json'
const configType = 'application/vnd.oci.image.config.v1+json'
const indexType = 'application/vnd.oci.image.index.v1+json'

/**
 * Writes an image in the OCI's layout that holds everything: Node with its libraries, the server, the package, and where
 * that needs it Python with what the model requires. It runs on machines like this one, and answers the digest that
 * registries will know it by.
 */
export const writeImage = async (order: ImageOrder): Promise<string> => {
  if (process.platform !== 'linux')
    throw new PackagingError(['images are made on Linux: they get Node and its libraries from the machine'])
  const output = resolve(order.output)
  if (!output.endsWith('.tar') && (await isTaken(output))) throw takenError(output)
  return inPartFolder(output, async (made) => {
    const layout = join(made, 'layout')
    const digest = await writeLayout(order, layout, join(made, 'work'))
    if (output.endsWith('.tar')) {
      const entries = await fileEntries(await gatherFolder(layout), '')
      await pipeline(Readable.from(tar(entries)), createWriteStream(join(made, 'image.tar')))
      await rename(join(made, 'image.tar'), output)
    } else {
      await requireFree(output, layout)
    }
    return digest
  })
}

const requireFree = async (output: string, layout: string): Promise<void> => {
  try {
    await rename(layout, output)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(code)) throw error
    throw takenError(output)
  }
}

const isTaken = async (output: string): Promise<boolean> =>
  readdir(output).then(
    (names) => names.length > 0,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  )

const takenError = (output: string): PackagingError =>
  new PackagingError([`'${output}' is there already; name another folder for the image`])

const writeLayout = async (order: ImageOrder, layout: string, work: string): Promise<string> => {
  const blobs = new OciBlobs(layout)
  const layers: Layer[] = []
  const titles: string[] = []
  for await (const { title, entries } of imageLayers(layerOrder(order, work))) {
    layers.push(await blobs.layer(entries))
    titles.push(title)
  }
  const { spec, written } = order
  const config = await blobs.json(
    configType,
    imageConfig({
      spec,
      written,
      serverVersion: order.server.version,
      layers: layers.map(({ diffId }, index) => ({ diffId, title: titles[index] ?? '' })),
    }),
  )
  const manifest = await blobs.json(manifestType, {
    schemaVersion: 2,
    mediaType: manifestType,
    config,
    layers: layers.map((layer) => layer.descriptor),
    annotations: { 'org.opencontainers.image.title': written.manifest.name },
  })
  await writeFile(
    join(layout, 'index.json'),
    indexText(manifest, `${written.manifest.name}:${written.manifest.version}`),
  )
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  return manifest.digest
}

const layerOrder = ({ package: folder, written, server, python }: ImageOrder, work: string): LayerOrder => {
  const { name, version } = written.manifest
  return {
    server,
    package: { folder, title: `${name} version ${version}`, model: join(folder, name, String(version)) },
    python: written.needsPython ? python : undefined,
    work,
  }
}

const indexText = (manifest: Descriptor, name: string): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: indexType,
    manifests: [
      {
        ...manifest,
        platform: { architecture: imageArchitecture(), os: 'linux' },
        annotations: { 'org.opencontainers.image.ref.name': name },
      },
    ],
  })
