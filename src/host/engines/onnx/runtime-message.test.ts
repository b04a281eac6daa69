import { describe, expect, it } from 'vitest'
import { runtimeMessage } from './runtime-message.ts'

describe('a message of ONNX Runtime', () => {
  it.each([
    [
      "Non-zero status code returned while running MatMul node. Name:'head/MatMul_3' Status Message: matmul_helper.h:59 Compute MatMul dimension mismatch",
      "MatMul 'head/MatMul_3': MatMul dimension mismatch",
    ],
    [
      "Non-zero status code returned while running Loop node. Name:'' Status Message: Non-zero status code returned while running Add node. Name:'a' Status Message: shapes differ",
      "Loop: Add 'a': shapes differ",
    ],
    [
      '/onnxruntime_src/onnxruntime/core/x.cc:12 std::function<void(int)> onnxruntime::(anonymous namespace)::Make<T>::operator()(const std::string&, int) const [with T = float] size > 0 was false. The size must be above 0\n',
      'The size must be above 0',
    ],
    ['C:\\src\\core\\x.cpp:7 onnxruntime::Thing::Run bad thing', 'bad thing'],
    ['/src/x.cc:9 void onnxruntime::f(int (no end', 'void onnxruntime::f(int (no end'],
    ['exceeded /data/limit: 5 (of 4)', 'exceeded /data/limit: 5 (of 4)'],
    ['\u001b[1;31mred\u001b[m and plain\n\nStacktrace:\n/lib/x.so(+0x1)', 'red and plain'],
  ])('%j is told as %j', (text, told) => {
    expect(runtimeMessage(text)).toBe(told)
  })

  it('takes its time in proportion to its length', () => {
    for (const text of ['/a.cc:1 f('.repeat(100_000), '/'.repeat(1_000_000), 'x.h:1 '.repeat(200_000)])
      expect(runtimeMessage(text).length).toBeLessThanOrEqual(8000)
  })
})
