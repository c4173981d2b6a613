// Prints one program of all code of a README that is marked to be run. Imports go
// to its top; what the snippets take from their surroundings is declared there.
import { readFileSync } from 'node:fs';

const readme = readFileSync(process.argv[2], 'utf8');
const snippets = [...readme.matchAll(/<!-- run: (\w+) -->\s*```ts\n(.*?)```/gs)];
const count = [...readme.matchAll(/```ts\n/g)].length;
if (snippets.length === 0 || snippets.length !== count) {
  throw new Error('not every snippet is marked');
}
const lines = snippets.flatMap(([, , code]) => code.trimEnd().split('\n'));
const isImport = (line) => line.startsWith('import ');
const imports = new Set(lines.filter(isImport));

console.log([...imports].join('\n'));
console.log("const rows = ['a,b\\n', '1,2\\n'];");
console.log("const names = ['a', 'b', 'c'];");
console.log(lines.filter((line) => !isImport(line)).join('\n'));
console.log('await client.close();');
