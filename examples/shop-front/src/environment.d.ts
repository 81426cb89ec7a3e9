interface ImportMetaEnv {
  /** The shop's own address. */
  readonly VITE_SHOP?: string;
}
