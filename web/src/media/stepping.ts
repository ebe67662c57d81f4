/** At which step media are shown: the same in all panels of a page, or each for itself. */
import { createContext, useContext, useMemo, useState } from "react";

export interface Stepping {
  isShared: boolean;
  /** The step that was chosen for all; null: the last of each. */
  step: number | null;
  setStep: (step: number | null) => void;
  setShared: (shared: boolean) => void;
}

const SteppingContext = createContext<Stepping>({ isShared: false, step: null, setStep: () => undefined, setShared: () => undefined });

export const SteppingOf = SteppingContext.Provider;

export function useNewStepping(): Stepping {
  const [isShared, setShared] = useState(true);
  const [step, setStep] = useState<number | null>(null);
  return useMemo(() => ({ isShared, step, setStep, setShared }), [isShared, step]);
}

/** The step of one panel, and what changes it. */
export function useStep(): [number | null, (step: number | null) => void] {
  const stepping = useContext(SteppingContext);
  const [own, setOwn] = useState<number | null>(null);
  return stepping.isShared ? [stepping.step, stepping.setStep] : [own, setOwn];
}
