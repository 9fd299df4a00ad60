// The floors of the house, from the ground. A file imports its own floor and lower ones, types included, and there is
// no circle anywhere. One rule a floor: what it forbids is everything above.
const FLOORS = [
  ["base", "^src/core/base/"],
  ["hw", "^src/core/hw/"],
  ["frame", "^src/core/frame/"],
  ["space", "^src/core/space/"],
  ["reclaim", "^src/core/reclaim/"],
  ["alloc", "^src/core/alloc/"],
  ["vm", "^src/core/vm/"],
  ["abi", "^src/core/abi/"],
  ["sched", "^src/core/sched(\\.ts$|/)"],
  ["kernel", "^src/core/kernel\\.ts$"],
  ["index", "^src/core/index\\.ts$"],
  ["programs", "^src/programs/"],
  ["hosts", "^src/hosts/"],
];

const floorRules = FLOORS.slice(0, -1).map(([name, path], level) => ({
  name: `floor-${level + 1}-${name}`,
  comment: `Floor ${level + 1} (${name}) may not know what stands above it.`,
  severity: "error",
  from: { path },
  to: { path: FLOORS.slice(level + 1).map(([, above]) => above) },
}));

const HOSTS = ["cli", "fuse", "record", "oracle", "sweep", "web"];
const hostRules = HOSTS.filter((host) => host !== "cli").map((host) => ({
  name: `host-${host}-stands-alone`,
  comment: "Hosts never import each other; the command line alone starts them.",
  severity: "error",
  from: { path: `^src/hosts/${host}/` },
  to: { path: HOSTS.filter((other) => other !== host).map((other) => `^src/hosts/${other}/`) },
}));

module.exports = {
  forbidden: [
    ...floorRules,
    ...hostRules,
    { name: "no-circle", comment: "No circles anywhere.", severity: "error", from: {}, to: { circular: true } },
    {
      name: "core-takes-no-library",
      comment: "The core and the programs have no npm package and no Node module.",
      severity: "error",
      from: { path: "^src/(core|programs)/" },
      to: { dependencyTypes: ["npm", "npm-dev", "npm-optional", "npm-peer", "core", "npm-no-pkg", "npm-unknown"] },
    },
    {
      name: "one-public-face",
      comment: "Hosts and programs take the core from core/index.ts.",
      severity: "error",
      from: { path: "^src/(programs|hosts)/" },
      to: { path: "^src/core/", pathNot: "^src/core/index\\.ts$" },
    },
    { name: "resolvable", comment: "Every import leads somewhere.", severity: "error", from: {}, to: { couldNotResolve: true } },
    { name: "no-orphan", comment: "A file nobody imports is dead.", severity: "error", from: { orphan: true, path: "^src/", pathNot: "\\.d\\.ts$" }, to: {} },
  ],
  options: {
    exclude: { path: "\\.test\\.ts$" },
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { extensions: [".ts", ".js", ".json"] },
  },
};
