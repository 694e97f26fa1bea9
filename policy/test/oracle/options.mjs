/* Command lines of this folder's programs: --name value, --flag. */

import { pathToFileURL } from 'node:url';


export function is_main(url) {
  return process.argv[1] !== undefined
    && pathToFileURL(process.argv[1]).href === url;
}


/* defaults: { name: value }; a number stays a number, false is a flag.
   Leaves with a message for anything unknown. */
export function options(defaults, args = process.argv.slice(2)) {
  const out = { ...defaults };

  for (let i = 0; i < args.length; i++) {
    const name = args[i].replace(/^--/, '');

    if (!args[i].startsWith('--') || !(name in defaults)) {
      console.error(`unknown option: ${args[i]}; known: --${
        Object.keys(defaults).join(' --')}`);
      process.exit(2);
    }
    if (defaults[name] === false) {
      out[name] = true;
      continue;
    }
    if (i + 1 === args.length) {
      console.error(`missing value: ${args[i]}`);
      process.exit(2);
    }
    out[name] = typeof defaults[name] === 'number' ? Number(args[++i])
      : args[++i];
    if (Number.isNaN(out[name])) {
      console.error(`not a number: ${args[i - 1]} ${args[i]}`);
      process.exit(2);
    }
  }
  return out;
}
