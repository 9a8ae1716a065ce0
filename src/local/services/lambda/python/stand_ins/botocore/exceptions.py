"""What goes wrong in a call."""


class BotoCoreError(Exception):
    pass


class EndpointConnectionError(BotoCoreError):
    def __init__(self, endpoint_url, error):
        super().__init__(f"Could not connect to the endpoint URL: {endpoint_url}: {error}")


class ClientError(Exception):
    def __init__(self, error_response, operation_name):
        error = error_response.get("Error", {})
        super().__init__(
            f"An error occurred ({error.get('Code', 'Unknown')}) when calling the "
            f"{operation_name} operation: {error.get('Message', 'Unknown')}"
        )
        self.response = error_response
        self.operation_name = operation_name
