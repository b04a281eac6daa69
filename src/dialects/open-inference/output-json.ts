import { fail } from '../../protocol/index.ts'
import { encodeJsonData, TensorError } from '../../tensor/index.ts'
import type { Tensor } from '../../tensor/index.ts'

/** The values of an output as JSON. Throws invalid_request for bytes that are no text: they need another form. */
export const outputJson = (output: Tensor): string => {
  try {
    return encodeJsonData(output)
  } catch (error) {
    if (!(error instanceof TensorError)) throw error
    const reason = `output '${output.name}' is no text, so it has no JSON (${error.reason}); ask for it with "binary_data", or by gRPC`
    throw fail('invalid_request', { reason }, error)
  }
}
