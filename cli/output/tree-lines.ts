/**
 * Owns: a forest drawn as `tree` draws it: one line a node, branches before its name.
 * Never: knows what the nodes are.
 */
export interface TreeNode {
  readonly name: string;
  /** The columns behind the name. */
  readonly cells: readonly string[];
  readonly children: readonly TreeNode[];
}

/** One row a node: the drawn name, then its cells. Roots have no branch. */
export const treeRows = (roots: readonly TreeNode[]): readonly (readonly string[])[] =>
  roots.flatMap((root) => [[root.name, ...root.cells], ...childRows(root, '')]);

const childRows = ({ children }: TreeNode, indent: string): readonly (readonly string[])[] =>
  children.flatMap((child, at) => {
    const last = at === children.length - 1;
    return [
      [`${indent}${last ? '└─ ' : '├─ '}${child.name}`, ...child.cells],
      ...childRows(child, `${indent}${last ? '   ' : '│  '}`),
    ];
  });
