/**
 * Puts the core's numeric constants into the bundle as numbers.
 *
 * A bundler makes one `var` of every module's constants, and the engine has to load a `var` each time it is used; a
 * fault uses some hundred. esbuild inlines constants itself, but only those of modules that import nothing. So every
 * `const NAME = <expression of numbers and such names>` becomes a definition (esbuild's `define`), its imports are
 * dropped, and its declaration gets another name, under which it is still exported.
 *
 * A name that means different numbers in two files is left as it is in both.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

const DECLARATION = /^(export )?const ([A-Z_][A-Za-z0-9_]*) =\s+([^;"'`{}[\]]+);/gm;
const NAME = /\b[A-Z_][A-Za-z0-9_]*\b/g;
/** What an expression may hold once its names are numbers. */
const ARITHMETIC = /^[\s0-9a-fxe.()+\-*/%|&^~<>]+$/;

/** The definitions for esbuild, name to text, of all constants below a folder. */
export function findConstants(folder) {
  const expressions = new Map();
  const unclear = new Set();
  for (const file of sources(folder)) {
    for (const [, , name, expression] of readFileSync(file, "utf8").matchAll(DECLARATION)) {
      if (expressions.has(name) && expressions.get(name) !== expression) unclear.add(name);
      expressions.set(name, expression);
    }
  }
  for (const name of unclear) expressions.delete(name);
  const values = {};
  for (let found = -1; found !== Object.keys(values).length; ) {
    found = Object.keys(values).length;
    for (const [name, expression] of expressions) {
      const numbers = expression.replace(NAME, (word) => (word in values ? `(${values[word]})` : word));
      if (!ARITHMETIC.test(numbers)) continue;
      values[name] = String(new Function(`return ${numbers};`)());
      expressions.delete(name);
    }
  }
  return values;
}

/** The esbuild plugin that makes the files below `folder` use the definitions. */
export function inlineConstants(folder, values) {
  return {
    name: "inline-constants",
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
        if (!file.startsWith(folder + path.sep)) return undefined;
        return { contents: useDefinitions(readFileSync(file, "utf8"), values), loader: "ts" };
      });
    },
  };
}

/** The text of a module without its imports of known constants, its own ones renamed. Lines stay where they are. */
function useDefinitions(text, values) {
  const exported = [];
  const renamed = text.replace(DECLARATION, (whole, exportWord, name) => {
    if (!(name in values)) return whole;
    if (exportWord !== undefined) exported.push(`${name}_ as ${name}`);
    return whole.replace("export ", "").replace(`const ${name} =`, `const ${name}_ =`);
  });
  const lean = renamed.replace(/^import \{([^}]*)\} from/gm, (_, names) => {
    const kept = names.replace(/[^,{}\n]+,?/g, (item) => (item.replace(",", "").trim() in values ? "" : item));
    return `import {${kept}} from`;
  });
  return exported.length === 0 ? lean : `${lean}\nexport { ${exported.join(", ")} };\n`;
}

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts"))
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}
