import type { Preview } from '../devices/preview';
import type { DeviceKind, Problem } from '../devices/problem';
import { useObservable } from '../observable';
import { ProblemNote } from '../parts/problem-note';
import { deviceWords, joinAnyway } from '../words';

// DeviceProblems says why a device can't be used, once for all of which it is true.
export function DeviceProblems({ preview }: { preview: Preview }) {
  const { problems } = useObservable(preview);
  const having = new Map<Problem, DeviceKind[]>();
  for (const kind of ['microphone', 'camera'] as const) {
    const problem = problems[kind];
    if (problem) having.set(problem, [...(having.get(problem) ?? []), kind]);
  }
  return [...having].map(([problem, kinds]) => {
    const { title, detail } = deviceWords(kinds, problem);
    return (
      <ProblemNote key={problem} words={{ title, detail: `${detail} ${joinAnyway}` }}>
        {problem !== 'insecure' && (
          <button type="button" className="plain" onClick={() => void preview.retry(kinds)}>Try again</button>
        )}
      </ProblemNote>
    );
  });
}
