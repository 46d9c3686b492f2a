interface Props {
  value: string;
  change: (name: string) => void;
}

export function NameField({ value, change }: Props) {
  return (
    <label className="field">
      <span>Your name</span>
      <input value={value} onChange={(e) => change(e.target.value)} maxLength={48} required pattern=".*\S.*" autoComplete="name"
        autoFocus={value === ''} placeholder="How others see you" />
    </label>
  );
}
