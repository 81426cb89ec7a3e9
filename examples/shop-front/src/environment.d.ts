interface ImportMetaEnv {
  /** The shop's own address. */
  readonly VITE_SHOP?: string;
  /** A storefront token of the shop's that names this site; see api.ts. */
  readonly VITE_SHOP_TOKEN?: string;
}
