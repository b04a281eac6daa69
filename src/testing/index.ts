export { eventually } from './eventually.ts'
export { addModel, inferBody, jsModel, obedientModel } from './js-models.ts'
export {
  buildOnnx,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxInitializer,
  type OnnxModel,
  type OnnxNode,
  type OnnxValue,
} from './onnx-builder.ts'
export { liveBytes } from './live-bytes.ts'
export * from './onnx-models.ts'
export { openTestRegistry, type TestRegistry } from './open-test-registry.ts'
export { seededRandom, type SeededRandom } from './seeded-random.ts'
export { simulate } from './simulate.ts'
export { startTestApp, type TestApp, type TestAppOptions } from './start-test-app.ts'
export { VirtualClock } from './virtual-clock.ts'
