/**
 * Gives every machine its own copy of the kernel's code, with that machine's columns as constants.
 *
 * The core's functions take the kernel first and load their columns from it: `k.page`, `k.swap.slot`. The engine cannot
 * know that these are always the same arrays, so it loads and checks each of them again and again, and compiles the code for
 * that. Here the functions that programs run are put once more into the bundle, inside a function that a machine calls once,
 * after it has booted:
 *
 *   function shrinkList(k, lruvec) {         function machine$(k) {
 *     const page = k.page;                     const k$page = k.page, k$lruvec$head = k.lruvec.head, ...
 *     ... k.lruvec.head[lruvec] ...     -->    function shrinkList(lruvec) { const page = k$page; ... k$lruvec$head[lruvec] ... }
 *   }                                          return { runAccesses, syscall, ... };
 *                                            }
 *
 * The entries themselves, runAccesses and the others named to `specialise`, become calls of their namesakes of the machine. All
 * this is right because a kernel's columns are made once at boot and never replaced: the views' fields are readonly, which
 * kernel-fields.mjs reads off their interfaces. Other fields that anything assigns to, and the knobs, are still loaded.
 */
import ts from "typescript";

/** The objects of the kernel whose fields are written by computed names. */
const WRITTEN = new Set(["knob"]);

/** Goes before everything else of the bundle. */
const CACHE = " var machines$ = new WeakMap(), last$ = { k: undefined, code: undefined, made: 0 };";

/** The bundle's text with the functions that `entries` reach specialised. `fixed`: fields that never change (kernel-fields.mjs). */
export function specialise(text, entries, fixed = new Map()) {
  const bundle = { ...readBundle(text), fixed };
  const reached = reachedFrom(bundle, entries);
  const given = columnParameters(bundle, reached, entries);
  for (const name of given.keys()) reached.add(name);
  const context = { ...bundle, text, reached, given, bare: withoutKernel(bundle, reached), columns: new Map() };
  const bodies = [...reached]
    .map((name) => bundle.top.get(name))
    .sort((a, b) => a.node.pos - b.node.pos)
    .map((declared) => specialisedText(context, declared));
  const edits = [[bundle.start, bundle.start, CACHE], ...entries.map((name) => entryCall(context, name))];
  const outside = new Set([...reached].flatMap((name) => [...bundle.uses.get(name)]).filter((name) => !reached.has(name)));
  return `${applyEdits(text, 0, text.length, edits)}\n${machineText(context.columns, bodies, entries, [...outside])}`;
}

/** What is declared at the top, what refers to what, and the names of the fields that something assigns to. */
function readBundle(text) {
  const file = ts.createSourceFile("bundle.js", text, ts.ScriptTarget.ESNext, true, ts.ScriptKind.JS);
  const top = new Map();
  const start = file.statements.findLast((statement) => ts.isImportDeclaration(statement))?.end ?? 0;
  for (const statement of file.statements) {
    if (ts.isFunctionDeclaration(statement)) {
      const first = statement.parameters[0]?.name;
      top.set(statement.name.text, { name: statement.name.text, node: statement, takesKernel: first?.text === "k" });
    } else if (ts.isVariableStatement(statement)) {
      for (const node of statement.declarationList.declarations)
        if (ts.isIdentifier(node.name)) top.set(node.name.text, { name: node.name.text, node, takesKernel: false });
    }
  }
  const assigned = new Set();
  visit(file, (node) => {
    const target = assignedTo(node);
    if (target !== undefined && ts.isPropertyAccessExpression(target)) assigned.add(target.name.text);
  });
  const uses = new Map();
  for (const [name, { node }] of top) {
    const found = new Set();
    visit(node, (inner) => {
      if (ts.isIdentifier(inner) && inner.text !== name && top.has(inner.text) && !isFieldName(inner)) found.add(inner.text);
    });
    uses.set(name, found);
  }
  return { top, uses, assigned, start };
}

/** The names to be put into the machine's copy: what the entries use, as far as it takes the kernel or leads to what does. */
function reachedFrom({ top, uses }, entries) {
  const leads = new Set([...top].filter(([, { takesKernel }]) => takesKernel).map(([name]) => name));
  for (let before = -1; before !== leads.size; ) {
    before = leads.size;
    for (const [name, used] of uses) if ([...used].some((other) => leads.has(other))) leads.add(name);
  }
  const reached = new Set();
  const open = [...entries];
  while (open.length > 0) {
    const name = open.pop();
    if (reached.has(name) || !leads.has(name)) continue;
    reached.add(name);
    open.push(...uses.get(name));
  }
  for (const name of entries)
    if (!top.get(name)?.takesKernel) throw new Error(`${name} is no function of the bundle that takes the kernel as k`);
  return reached;
}

/** The functions that lose their first parameter: those that are only ever called, and with the caller's kernel. */
function withoutKernel({ top }, reached) {
  const bare = new Set([...reached].filter((name) => top.get(name).takesKernel));
  for (const user of reached) {
    visit(top.get(user).node, (node) => {
      if (!ts.isIdentifier(node) || !bare.has(node.text) || isFieldName(node)) return;
      const { parent } = node;
      if (ts.isFunctionDeclaration(parent) && parent.name === node) return;
      const isCall = ts.isCallExpression(parent) && parent.expression === node;
      const [first] = isCall ? parent.arguments : [];
      if (first === undefined || !ts.isIdentifier(first) || first.text !== "k") bare.delete(node.text);
    });
  }
  return bare;
}

/**
 * Parameters that are always the same one of the kernel's objects, `tlb` mostly `k.tlb`: function to parameter to object.
 * Functions that do not take the kernel are among them. What a caller was given counts in the next round, until nothing changes.
 */
function columnParameters(bundle, reached, entries) {
  let given = new Map();
  for (let before = ""; ; ) {
    const seen = new Map();
    for (const caller of new Set([...reached, ...given.keys()])) noteArguments(bundle, caller, given, seen);
    given = new Map();
    for (const [name, objects] of [...seen].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const certain = [...objects].filter(([, object]) => object !== undefined);
      if (certain.length > 0 && !entries.includes(name)) given.set(name, new Map(certain));
    }
    const now = JSON.stringify([...given].map(([name, objects]) => [name, ...objects]));
    if (now === before) return given;
    before = now;
  }
}

/** Adds to `seen` what a caller hands to the functions it calls: the object's name, or undefined where it is not always that. */
function noteArguments(bundle, caller, given, seen) {
  const { node } = bundle.top.get(caller);
  const aliases = aliasesIn({ ...bundle, given }, caller, node);
  visit(node, (inner) => {
    if (!ts.isIdentifier(inner) || isFieldName(inner) || isDeclaration(inner)) return;
    const called = bundle.top.get(inner.text);
    if (called === undefined || !ts.isFunctionDeclaration(called.node)) return;
    const { parent } = inner;
    const isCall = ts.isCallExpression(parent) && parent.expression === inner;
    const objects = seen.get(inner.text) ?? new Map();
    seen.set(inner.text, objects);
    for (const [i, { name }] of called.node.parameters.entries()) {
      if (!ts.isIdentifier(name)) continue;
      const argument = isCall ? parent.arguments[i] : undefined;
      // A function that hands its own on to itself says nothing new.
      if (caller === inner.text && argument !== undefined && argument.text === name.text) continue;
      const object = objectOf(argument, aliases);
      objects.set(name.text, !objects.has(name.text) || objects.get(name.text) === object ? object : undefined);
    }
  });
}

/** One declaration as the machine has it. */
function specialisedText(context, { name, node, takesKernel }) {
  const edits = [];
  if (takesKernel) {
    const [kernel, next] = node.parameters;
    if (!context.bare.has(name)) edits.push([kernel.getStart(), kernel.end, "$k"]);
    else edits.push([kernel.getStart(), next === undefined ? kernel.end : next.getStart(), ""]);
  }
  const aliases = aliasesIn(context, name, node);
  visit(node, (inner) => {
    if (ts.isIdentifier(inner) && !isFieldName(inner)) editUse(context, inner, aliases, edits);
    if (ts.isVariableDeclaration(inner) && ts.isObjectBindingPattern(inner.name)) editPattern(context, inner, aliases, edits);
    if (ts.isCallExpression(inner) && ts.isIdentifier(inner.expression) && context.bare.has(inner.expression.text)) {
      const [kernel, next] = inner.arguments;
      edits.push([kernel.getStart(), next === undefined ? kernel.end : next.getStart(), ""]);
    }
  });
  const { text } = context;
  const own = applyEdits(text, node.getStart(), node.end, edits);
  return ts.isFunctionDeclaration(node) ? own : `const ${own};`;
}

/** Local names for one of the kernel's objects: name to object. Only names declared once and never assigned to. */
function aliasesIn({ assigned, fixed, given }, name, node) {
  const declared = new Map();
  visit(node, (inner) => {
    const target = assignedTo(inner);
    if (target !== undefined && ts.isIdentifier(target)) declared.set(target.text, 2);
    if (ts.isIdentifier(inner) && isDeclaration(inner)) declared.set(inner.text, (declared.get(inner.text) ?? 0) + 1);
  });
  const objects = new Map();
  const add = (local, object) => {
    const isCertain = declared.get(local) === 1 && object !== undefined && !WRITTEN.has(object) && isFixed({ assigned, fixed }, object);
    if (isCertain) objects.set(local, object);
  };
  for (const [parameter, object] of given.get(name) ?? []) add(parameter, object);
  visit(node, (inner) => {
    if (!ts.isIdentifier(inner) || !isDeclaration(inner)) return;
    const { parent } = inner;
    if (ts.isVariableDeclaration(parent)) add(inner.text, objectOf(parent.initializer, objects));
    if (!ts.isBindingElement(parent) || parent.initializer !== undefined) return;
    const from = parent.parent.parent;
    if (ts.isVariableDeclaration(from) && isKernel(from.initializer)) add(inner.text, fieldOf(parent));
  });
  return objects;
}

/** A use of the kernel or of one of its objects becomes the column's constant. */
function editUse(context, node, aliases, edits) {
  const isAlias = aliases.has(node.text) && !isDeclaration(node);
  if (node.text !== "k" && !isAlias) return;
  if (isDeclaration(node)) return;
  const first = node.parent;
  if (!ts.isPropertyAccessExpression(first) || first.expression !== node) return;
  if (isAlias) {
    const column = columnName(context, aliases.get(node.text), first);
    if (column !== undefined) edits.push([first.getStart(), first.end, column]);
    return;
  }
  const object = first.name.text;
  if (!isFixed(context, object)) return;
  const second = first.parent;
  const isField = ts.isPropertyAccessExpression(second) && second.expression === first;
  const column = isField ? columnName(context, object, second) : undefined;
  if (column !== undefined) edits.push([second.getStart(), second.end, column]);
  else edits.push([first.getStart(), first.end, constant(context, `k$${object}`, `k.${object}`)]);
}

/** `{ next, prev: before } = k.page` becomes `next = k$page$next, before = k$page$prev`. */
function editPattern(context, node, aliases, edits) {
  const object = isKernel(node.initializer) ? "" : objectOf(node.initializer, aliases);
  if (object === undefined || WRITTEN.has(object)) return;
  const { elements } = node.name;
  const fields = elements.map((element) => fieldOf(element));
  if (elements.some((element) => element.initializer !== undefined || !ts.isIdentifier(element.name))) return;
  const mayChange = (field) => (object === "" ? !isFixed(context, field) : !isFixedField(context, object, field));
  if (fields.some((field) => field === undefined || mayChange(field))) return;
  if (!ts.isVariableDeclarationList(node.parent)) return;
  const parts = elements.map((element, i) => {
    const names = object === "" ? [fields[i]] : [object, fields[i]];
    return `${element.name.text} = ${constant(context, `k$${names.join("$")}`, `k.${names.join(".")}`)}`;
  });
  edits.push([node.getStart(), node.end, parts.join(", ")]);
}

/** The constant of `object.field`, or undefined when it is a call or may change. */
function columnName(context, object, access) {
  const { parent } = access;
  const field = access.name.text;
  if (WRITTEN.has(object) || !isFixedField(context, object, field)) return undefined;
  if (ts.isCallExpression(parent) && parent.expression === access) return undefined;
  return constant(context, `k$${object}$${field}`, `k.${object}.${field}`);
}

/** Whether `k.object` is always the same: the core says so, or nothing in the bundle assigns to a field of that name. */
function isFixed({ fixed, assigned }, object) {
  return fixed.has(object) || !assigned.has(object);
}

/** The same for `k.object.field`. */
function isFixedField({ fixed, assigned }, object, field) {
  return fixed.get(object)?.has(field) === true || !assigned.has(field);
}

function constant({ columns }, name, expression) {
  columns.set(name, expression);
  return name;
}

/** The entry in its place: finds the machine's copy of the code and calls that. */
function entryCall({ top, text, bare }, name) {
  const { node } = top.get(name);
  const names = node.parameters.map(({ name: parameter }) => parameter.text);
  const parameters = node.parameters.map((parameter) => text.slice(parameter.getStart(), parameter.end));
  const given = bare.has(name) ? names.slice(1) : names;
  const lines = "\n".repeat(text.slice(node.getStart(), node.end).split("\n").length - 1);
  const body = `return (k === last$.k ? last$.code : codeOf$(k)).${name}(${given.join(", ")});`;
  return [node.getStart(), node.end, `function ${name}(${parameters.join(", ")}) { ${body}${lines} }`];
}

/**
 * The machine's function, and what finds a machine's code. The engine keeps one set of optimised code a piece of source, and gives
 * it up when a second machine comes with other constants; so every machine after the first has the source evaluated anew.
 */
function machineText(columns, bodies, entries, outside) {
  const constants = [...columns].map(([name, expression]) => `${name} = ${expression}`);
  return [
    "function codeOf$(k) {",
    "  let code = machines$.get(k);",
    "  if (code === undefined) machines$.set(k, code = (last$.made++ === 0 ? machine$ : anew$())(k));",
    "  last$.k = k; last$.code = code;",
    "  return code;",
    "}",
    "function anew$() {",
    `  const outside = { ${outside.join(", ")} };`,
    '  return new Function(...Object.keys(outside), "return " + machine$)(...Object.values(outside));',
    "}",
    "function machine$(k) {",
    `const ${constants.join(",\n")};`,
    ...bodies,
    `return { ${entries.join(", ")} };`,
    "}",
    "",
  ].join("\n");
}

/** The text with each [from, to, put] done; a change within a larger one goes with it. */
function applyEdits(text, start, end, edits) {
  let done = "";
  let at = start;
  for (const [from, to, put] of [...edits].sort((a, b) => a[0] - b[0] || b[1] - a[1])) {
    if (to <= at && from < at) continue;
    if (from < at) throw new Error(`two changes of the same text: ${text.slice(from, to)}`);
    done += text.slice(at, from) + put;
    at = to;
  }
  return done + text.slice(at, end);
}

function visit(node, look) {
  look(node);
  ts.forEachChild(node, (child) => visit(child, look));
}

function isKernel(node) {
  return node !== undefined && ts.isIdentifier(node) && node.text === "k";
}

/** The name A of an expression `k.A`, or of a local name for it. */
function objectOf(node, aliases) {
  if (node === undefined) return undefined;
  if (ts.isIdentifier(node)) return aliases.get(node.text);
  return ts.isPropertyAccessExpression(node) && isKernel(node.expression) ? node.name.text : undefined;
}

/** The field that an element of a pattern takes. */
function fieldOf(element) {
  const name = element.propertyName ?? element.name;
  return element.dotDotDotToken === undefined && ts.isIdentifier(name) ? name.text : undefined;
}

/** The target of an assignment, an update or a loop's head. */
function assignedTo(node) {
  if (ts.isBinaryExpression(node)) {
    const kind = node.operatorToken.kind;
    return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment ? node.left : undefined;
  }
  if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) {
    const isUpdate = node.operator === ts.SyntaxKind.PlusPlusToken || node.operator === ts.SyntaxKind.MinusMinusToken;
    return isUpdate ? node.operand : undefined;
  }
  if (ts.isDeleteExpression(node)) return node.expression;
  return undefined;
}

/** True for a name after a dot or before a colon: no variable. */
function isFieldName(node) {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isPropertyAssignment(parent)) return parent.name === node;
  if (ts.isBindingElement(parent)) return parent.propertyName === node;
  return ts.isMethodDeclaration(parent) && parent.name === node;
}

/** True where the name is declared: a variable, a parameter, an element of a pattern, a function. */
function isDeclaration(node) {
  const { parent } = node;
  const isNamed = ts.isVariableDeclaration(parent) || ts.isParameter(parent) || ts.isBindingElement(parent);
  return (isNamed || ts.isFunctionDeclaration(parent) || ts.isFunctionExpression(parent)) && parent.name === node;
}
