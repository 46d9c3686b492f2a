// Signal tells how well somebody is connected: 0 none, 0.5 weak, 1 good.
export function Signal({ strength }: { strength: number }) {
  const words = strength <= 0 ? 'no connection' : strength < 1 ? 'weak connection' : 'good connection';
  const bars = strength <= 0 ? 0 : strength < 1 ? 1 : 3;
  return (
    <span className={`signal bars-${bars}`} role="img" aria-label={words} title={words}>
      <i /><i /><i />
    </span>
  );
}
