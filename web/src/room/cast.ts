import type { Person } from '../meeting/people';
import type { Picture } from '../meeting/pictures';

// cast picks who gets a tile when there are more people than places: oneself,
// who speaks, and who shows a picture, then whoever came first. The chosen keep
// their order, so that tiles don't jump; oneself comes last.
export function cast(people: Person[], cameras: Record<string, Picture>, active: string[], places: number): Person[] {
  const ordered = [...people.filter((p) => !p.self), ...people.filter((p) => p.self)];
  if (ordered.length <= places) return ordered;
  const rank = (p: Person) => (p.self ? 0 : active.includes(p.id) ? 1 : cameras[p.id] ? 2 : 3);
  const chosen = new Set([...ordered].sort((a, b) => rank(a) - rank(b)).slice(0, places - 1));
  return ordered.filter((p) => chosen.has(p));
}
