import { graphql } from "react-relay";

export const query = graphql`
  query ShelfQuery($first: Int!, $after: String, $slug: String!) {
    shop {
      name
      paymentMethods {
        id
        name
      }
    }
    product(slug: $slug) {
      ...Shelf_product
    }
    ...Shelf_products @arguments(first: $first, after: $after)
  }
`;

export const product = graphql`
  fragment Shelf_product on Product @refetchable(queryName: "ShelfProductQuery") {
    name
    priceRange {
      min {
        formatted
      }
    }
    variants {
      id
      name
    }
  }
`;

export const products = graphql`
  fragment Shelf_products on Query
  @argumentDefinitions(first: { type: "Int", defaultValue: 20 }, after: { type: "String" })
  @refetchable(queryName: "ShelfPageQuery") {
    products(first: $first, after: $after) @connection(key: "Shelf_products") {
      edges {
        node {
          id
          ...Shelf_product
        }
      }
    }
  }
`;

export const start = graphql`
  mutation ShelfStartMutation($input: CartCreateInput!) {
    cartCreate(input: $input) {
      cart {
        id
        total {
          formatted
        }
      }
      userErrors {
        path
        message
        code
      }
    }
  }
`;
