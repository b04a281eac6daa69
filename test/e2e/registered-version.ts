import type { TestApp } from '../../src/testing/start-test-app.ts'

const mlflow = '/api/2.0/mlflow'

export const expectOk = async (response: Response): Promise<Record<string, unknown>> => {
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`)
  return (await response.json()) as Record<string, unknown>
}

let folders = 0

/** Uploads files into a folder of their own, as a client of MLflow does; gives its URI. */
const uploadFiles = async (
  app: Pick<TestApp, 'fetch'>,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<string> => {
  const folder = `0/models/upload-${++folders}`
  for (const [name, body] of Object.entries(files)) {
    const response = await app.fetch(`/api/2.0/mlflow-artifacts/artifacts/${folder}/${name}`, {
      method: 'PUT',
      body: typeof body === 'string' ? body : new Uint8Array(body),
    })
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  }
  return `mlflow-artifacts:/${folder}`
}

/** Registers files as the next version of a model, which is made when it isn't there; gives its number. */
export const registerVersion = async (
  app: Pick<TestApp, 'fetch' | 'post'>,
  name: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<number> => {
  await app.post(`${mlflow}/registered-models/create`, { name })
  const source = await uploadFiles(app, files)
  const { model_version: version } = await expectOk(await app.post(`${mlflow}/model-versions/create`, { name, source }))
  return Number((version as { version: string }).version)
}

/** Points an alias at a version as the stock client does. */
export const moveAlias = (
  app: Pick<TestApp, 'post'>,
  name: string,
  alias: string,
  version: number,
): Promise<Response> => app.post(`${mlflow}/registered-models/alias`, { name, alias, version: String(version) })

export const putEndpoint = (
  app: Pick<TestApp, 'fetch'>,
  name: string,
  body: { readonly reference: string; readonly wait?: boolean },
): Promise<Response> =>
  app.fetch(`/api/slipway/v1/endpoints/${name}`, {
    method: 'PUT',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  })
