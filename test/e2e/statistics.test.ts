import { expect, it } from 'vitest'
import { addModel, inferBody, startTestApp } from '../../src/testing/index.ts'

type Durations = Record<string, { count: number; ns: number }>

it('statistics tell the times before, in and after the run, of requests and batches alike, within the whole', async () => {
  await using app = await startTestApp({ models: { 'm/1/model.mjs': addModel(1) } })
  for (let i = 0; i < 3; i++) expect((await app.post('/v2/models/m/infer', inferBody([1]))).status).toBe(200)
  const response = await app.fetch('/v2/models/m/versions/1/stats')
  const { model_stats: rows } = (await response.json()) as {
    model_stats: { inference_stats: Durations; batch_stats: Durations[] }[]
  }
  const ns = (name: string): number => rows[0]?.inference_stats[name]?.ns ?? 0
  const parts = ['compute_input', 'compute_infer', 'compute_output']
  for (const part of parts) {
    expect(ns(part), part).toBeGreaterThan(0)
    // Every request ran alone, so its batch took the same.
    expect(rows[0]?.batch_stats[0]?.[part], part).toEqual(rows[0]?.inference_stats[part])
  }
  expect(['queue', ...parts].reduce((sum, part) => sum + ns(part), 0)).toBeLessThanOrEqual(ns('success'))
  expect(await (await app.fetch('/metrics')).text()).toMatch(/nv_inference_compute_output_duration_us\{[^}]*\} [1-9]/)
})
