/** The run whose media are shown. */
import { createContext, useContext } from "react";
import type { Run } from "../api/types";

const OwnerContext = createContext<Run | null>(null);

export const OwnerOf = OwnerContext.Provider;
export const useOwner = () => useContext(OwnerContext);
