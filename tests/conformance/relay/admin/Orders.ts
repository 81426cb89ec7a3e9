import { graphql } from "react-relay";

export const query = graphql`
  query OrdersQuery($id: ID!) {
    order(id: $id) {
      ...Orders_order
    }
    ...Orders_orders
  }
`;

export const order = graphql`
  fragment Orders_order on Order @refetchable(queryName: "OrdersOrderQuery") {
    number
    status
    total {
      minorUnits
      currencyCode
    }
  }
`;

export const orders = graphql`
  fragment Orders_orders on Query
  @argumentDefinitions(first: { type: "Int", defaultValue: 20 }, after: { type: "String" })
  @refetchable(queryName: "OrdersPageQuery") {
    orders(first: $first, after: $after) @connection(key: "Orders_orders") {
      edges {
        node {
          id
          ...Orders_order
        }
      }
    }
  }
`;

export const cancel = graphql`
  mutation OrdersCancelMutation($id: ID!) {
    orderCancel(id: $id) {
      order {
        ...Orders_order
      }
      userErrors {
        path
        message
        code
      }
    }
  }
`;
