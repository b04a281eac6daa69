export type BodyForm = 'json' | 'csv'

/** The form that a content type names, or why it is refused, in words that clients of MLflow know. */
export const bodyForm = (contentType: string): { readonly form: BodyForm } | { readonly refusal: string } => {
  const [mediaType = '', ...pairs] = contentType.split(';').map((part) => part.trim())
  for (const pair of pairs) {
    const [name = '', value = ''] = pair.split('=').map((part) => part.trim().replace(/^"(.*)"$/, '$1'))
    if (name === '') continue
    if (name.toLowerCase() !== 'charset')
      return { refusal: `Unrecognized content type parameters: ${name.slice(0, 100)}.` }
    if (!/^utf-?8$/i.test(value)) return { refusal: 'The scoring server only supports UTF-8' }
  }
  switch (mediaType.toLowerCase()) {
    case 'application/json':
      return { form: 'json' }
    case 'text/csv':
      return { form: 'csv' }
    default:
      return {
        refusal: `This predictor only supports the following content types: Types: ['text/csv', 'application/json']. Got '${contentType.slice(0, 100)}'.`,
      }
  }
}
