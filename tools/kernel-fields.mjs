/**
 * Which fields of the kernel object never change, as the core's interfaces say: those that are readonly in the kernel's own
 * interface and those it extends, and for each the readonly ones of its columns' interface.
 *
 *   interface SpaceState extends FrameState { readonly swap: SwapColumns; ... }    swap -> slot, state, ...
 *   interface SwapColumns { readonly slot: Int32Array; ... }
 *
 * Fields of the same name that other objects have may be assigned to all the same.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";

/** Name to the names of the fields below it that never change. `kernel` is the interface of the whole. */
export function findFixedFields(core, kernel) {
  const interfaces = readInterfaces(core);
  const fixed = new Map();
  const open = [kernel];
  while (open.length > 0) {
    const { bases, fields } = interfaces.get(open.pop());
    open.push(...bases);
    for (const [name, type] of fields) fixed.set(name, new Set(interfaces.get(type)?.fields.keys()));
  }
  return fixed;
}

/** Every interface of a folder, and every other name for one: what it extends, and its readonly fields with the names of their types. */
function readInterfaces(folder) {
  const interfaces = new Map();
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !entry.name.endsWith(".ts") || entry.name.endsWith(".test.ts")) continue;
    const file = path.join(entry.parentPath ?? entry.path, entry.name);
    const { statements } = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.ESNext);
    for (const node of statements) {
      if (ts.isInterfaceDeclaration(node)) {
        const bases = (node.heritageClauses ?? []).flatMap(({ types }) => types.map(({ expression }) => expression.text));
        interfaces.set(node.name.text, { bases, fields: readonlyFields(node) });
      } else if (ts.isTypeAliasDeclaration(node) && ts.isTypeReferenceNode(node.type))
        interfaces.set(node.name.text, { bases: [node.type.typeName.text], fields: new Map() });
    }
  }
  return interfaces;
}

function readonlyFields(node) {
  const fields = new Map();
  for (const { modifiers, name, type } of node.members) {
    const isReadonly = modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ReadonlyKeyword) === true;
    const isNamed = type !== undefined && ts.isTypeReferenceNode(type) && ts.isIdentifier(type.typeName);
    if (isReadonly && ts.isIdentifier(name)) fields.set(name.text, isNamed ? type.typeName.text : "");
  }
  return fields;
}
