/* Lines of a byte stream, ended by LF alone: node:readline also splits at
   CR, U+2028 and U+2029, all of which occur inside JSON lines. */

import { StringDecoder } from 'node:string_decoder';


export async function* line_stream(readable) {
  const decoder = new StringDecoder('utf8');
  let rest = [];

  for await (const chunk of readable) {
    const parts = decoder.write(chunk).split('\n');

    while (parts.length > 1) {
      rest.push(parts.shift());
      yield rest.join('');
      rest = [];
    }
    rest.push(parts[0]);
  }
  if (rest.join('') !== '') {
    yield rest.join('');
  }
}
